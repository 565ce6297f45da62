// Which rules the API's documents are held to, and which not.

import { oas } from "@stoplight/spectral-rulesets";

export const openapi = {
  extends: [[oas, "all"]],
  rules: {
    "info-contact": "off", // whoever runs the service is to be asked: nobody who is known here
    "license-url": "off", // OpenAPI 3.1 takes either a URL or an SPDX identifier, which is there
    "operation-description": "off", // each summary is a whole sentence
  },
};

export const asyncapi = {
  rules: {
    "asyncapi-latest-version": "off", // 3.1 adds what is not used here, and tools that know only 3.0 would refuse it
  },
};
