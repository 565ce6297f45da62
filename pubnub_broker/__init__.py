"""A PubNub-protocol broker in memory, for development and tests: PubNub's SDKs work with it unmodified.

It knows nothing of syncd. It keeps nothing when it ends, checks no tokens or signatures, and serves no objects, files,
message actions, push registrations or filter expressions.

Source: PubNub's REST reference, recorded answers of its servers, and the requests its SDKs send.
"""
