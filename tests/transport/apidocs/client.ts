// Uses the types that openapi-typescript makes of /openapi.json, which are in schema.d.ts.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

export interface Answers {
  items: Schemas["ListedItem"][];
  problem: Schemas["ProblemDetails"] | undefined;
  status: Schemas["Status"] | undefined;
}

export async function addAndRead(baseUrl: string, token: string, contentId: string): Promise<Answers> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const path = "/api/v1/sync/watchlist";
  const written = await client.POST(path, { body: { operation: "add", content_id: contentId } });
  const { data } = await client.GET(path, { params: { query: { limit: 1 } } });
  const refused = await client.GET(path, { params: { query: { limit: 1001 } } });
  return { items: data && "items" in data ? data.items : [], problem: refused.error, status: written.data?.status };
}

// @ts-expect-error: a change has a content
export const incomplete: Schemas["Change"] = { operation: "add" };
// @ts-expect-error: a content is added or removed
export const unknown: Schemas["Change"] = { operation: "toggle", content_id: "" };
// @ts-expect-error: so it is in a bulk, which takes other objects only to refuse them
export const bulk: Schemas["BulkRequest"] = { operations: [{ operation: "add" }] };
// @ts-expect-error: there is no such path
export type Nothing = paths["/api/v1/sync/nothing"];
