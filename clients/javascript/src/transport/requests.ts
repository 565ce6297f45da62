/** Requests to the service beside the connection: nothing of them is kept or repeated. */

import type { State } from "../core/state.js";
import type { Token } from "../core/token.js";
import type { Fault } from "../core/tokens.js";
import { type Answer, readAnswer, request } from "./carrying.js";
import type { Service } from "./service.js";

const LISTS = "/api/v1/sync/lists";
const DEVICES = "/api/v1/devices";
const TIMEOUT_MS = 30_000;
const TOKEN_TIMEOUT_MS = 20_000;

/** A list beside the watchlist; `list`: its id, in paths and for `client.list`; `name`: what people are shown. */
export interface NamedList {
  readonly list: string;
  readonly name: string;
  readonly revision: number;
}

/** Why a request has failed. */
export interface RequestError extends Error {
  /** The HTTP status, if an answer came: 404, for example, for a device that is not known. */
  readonly status: number | null;
  /** The service's code for it, such as `device_offline`, if it gave one. */
  readonly code: string | null;
}

/** What a request needs: the service, the session that asks, and the checks of tokens. */
export interface Asking {
  readonly service: Service;
  readonly session: { readonly userId: string; readonly state: State; readonly shown: Promise<void> };
  readonly readToken: (value: string) => Token;
  readonly faultIn: (token: Token, userId: string) => Fault | null;
}

/** The user's lists beside the watchlist. Rejects with a `RequestError` that says why not, as all of these do. */
export async function lists(asking: Asking): Promise<readonly NamedList[]> {
  return (await said<{ lists: NamedList[] }>("lists", asking, LISTS, {})).lists;
}

/** Name a list, which is created if it is not there. */
export function rename(asking: Asking, list: string, name: string): Promise<NamedList> {
  return said("name", asking, `${LISTS}/${list}`, withBody("PUT", { name }));
}

/** Delete a list with all that is in it, if there is one. */
export async function remove(asking: Asking, list: string): Promise<void> {
  const { status, problem } = await answered(asking, `${LISTS}/${list}`, { method: "DELETE" }, [204, 404]);
  if (status === 404 && problem === undefined) throw failed("answered with status 404", status);
}

/** Have a device do something; fulfilled when the command is on its way to it. */
export async function send(asking: Asking, target: string, commandType: string, payload?: unknown): Promise<void> {
  const command = { target_device_id: target, command_type: commandType, payload: payload ?? undefined };
  await said<{ status: string }>("status", asking, `${DEVICES}/commands`, withBody("POST", command));
}

/** Have a device go on with a content; from which second, null: not known. */
export async function handoff(asking: Asking, target: string, contentId: string): Promise<number | null> {
  const wanted = { target_device_id: target, content_id: contentId };
  const name = "position_seconds";
  return (await said<{ [name]: number | null }>(name, asking, `${DEVICES}/handoff`, withBody("POST", wanted)))[name];
}

type Options = Parameters<typeof request>[3];

function withBody(method: string, fields: object): Options {
  return { method, body: JSON.stringify(fields), headers: { "content-type": "application/json" } };
}

/** The service's answer: without `field` it is not the service's, as something on the way may answer anything. */
async function said<T>(field: keyof T, asking: Asking, target: string, options: Options): Promise<T> {
  const { status, body } = await answered(asking, target, options, [200, 201]);
  try {
    const value = JSON.parse(body) as T & object;
    if (field in value) return value;
  } catch {
    // no JSON, or no object
  }
  throw failed("the answer is not the service's", status);
}

async function answered(
  { service, session, readToken, faultIn }: Asking,
  target: string,
  options: Options,
  wanted: readonly number[],
): Promise<Answer> {
  await session.shown; // its state is not known before
  if (session.state === "stopped") throw failed("this device is offline, until the app connects");
  const text = await inTime(service.getToken);
  if (typeof text !== "string") throw failed("no token: getToken has none now, or does not answer");
  const token = readToken(text.trim());
  const fault = faultIn(token, session.userId);
  if (fault !== null) throw failed(`no token: ${fault.reason}`);
  const abort = typeof AbortController === "undefined" ? null : new AbortController();
  const timeout = setTimeout(() => abort?.abort(), TIMEOUT_MS);
  try {
    const line = { address: service.address, signal: abort?.signal ?? null };
    const response = await request(line, target, token.value, options);
    if (response === null) throw failed("the service was not reached");
    const answer = await readAnswer(response);
    if (!wanted.includes(answer.status)) throw refused(answer);
    return answer;
  } finally {
    clearTimeout(timeout);
  }
}

/**
 * What the app's callback answers; null after a while. Of an error only the name is told: there may be a token in it.
 */
async function inTime(getToken: Service["getToken"]): Promise<unknown> {
  let timeout: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise((resolve) => {
    timeout = setTimeout(resolve, TOKEN_TIMEOUT_MS, null);
  });
  try {
    return await Promise.race([getToken(), silence]);
  } catch (error) {
    throw failed(`no token: getToken failed: ${error instanceof Error ? error.name : typeof error}`);
  } finally {
    clearTimeout(timeout);
  }
}

function refused({ status, problem, body }: Answer): RequestError {
  if (problem === undefined) return failed(`answered with status ${status}`, status);
  const { code } = JSON.parse(body) as { code?: unknown };
  return failed(problem, status, typeof code === "string" ? code : null);
}

function failed(message: string, status: number | null = null, code: string | null = null): RequestError {
  return Object.assign(new Error(message), { status, code });
}
