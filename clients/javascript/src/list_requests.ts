/** Which lists a user has, what they are called, and their end: plain requests, of which nothing is kept or repeated. */

import { type Answer, readAnswer, request } from "./carrying.js";
import type { Service } from "./service.js";
import { readToken } from "./token.js";

const PATH = "/api/v1/sync/lists";
const TIMEOUT_MS = 30_000;

/** A list beside the watchlist; `list`: what it is called in paths and by `client.list`, `name`: what people are shown. */
export interface NamedList {
  readonly list: string;
  readonly name: string;
  readonly revision: number;
}

/** Who asks whom. */
export interface Asking {
  readonly service: Service;
  readonly userId: string;
}

/** Rejects with an Error that says why they cannot be had now; so do the others. */
export async function lists(asking: Asking): Promise<readonly NamedList[]> {
  const { body } = await answered(asking, PATH, {}, [200]);
  return (JSON.parse(body) as { lists: NamedList[] }).lists;
}

/** Name a list, which is created if it is not there. */
export async function rename(asking: Asking, list: string, name: string): Promise<NamedList> {
  const headers = { "content-type": "application/json" };
  const options = { method: "PUT", body: JSON.stringify({ name }), headers };
  const { body } = await answered(asking, `${PATH}/${list}`, options, [200, 201]);
  return JSON.parse(body) as NamedList;
}

/** Delete a list with all that is in it, if there is one. */
export async function remove(asking: Asking, list: string): Promise<void> {
  const { status, problem } = await answered(asking, `${PATH}/${list}`, { method: "DELETE" }, [204, 404]);
  if (status === 404 && problem === undefined) throw new Error("answered with status 404");
}

async function answered(
  { service: { address, getToken }, userId }: Asking,
  target: string,
  options: Parameters<typeof request>[3],
  wanted: readonly number[],
): Promise<Answer> {
  const token = await getToken();
  if (typeof token !== "string") throw new Error("no token: getToken has none now");
  if ((readToken(token).sub ?? userId) !== userId) throw new Error("no token: it is another user's");
  const abort = typeof AbortController === "undefined" ? null : new AbortController();
  const timeout = setTimeout(() => abort?.abort(), TIMEOUT_MS);
  try {
    const response = await request({ address, signal: abort?.signal ?? null }, target, token.trim(), options);
    if (response === null) throw new Error("the service was not reached");
    const answer = await readAnswer(response);
    if (!wanted.includes(answer.status)) throw new Error(answer.problem ?? `answered with status ${answer.status}`);
    return answer;
  } finally {
    clearTimeout(timeout);
  }
}
