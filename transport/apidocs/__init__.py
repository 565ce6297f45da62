"""The API's descriptions: OpenAPI and AsyncAPI."""
