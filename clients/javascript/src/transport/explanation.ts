/** Why there was no upgrade: engines do not say, but the service says it to `fetch`. */

import { type Answer, type Line, readAnswer, request } from "./carrying.js";

/** The services that are being asked: where a request cannot be ended, more of them would pile up. */
const asked = new Set<string>();

/** What the service answers to a request for `target`; null: nothing. */
export async function explain(line: Line, target: string, token: string): Promise<Answer | null> {
  if (asked.has(line.address)) return null;
  asked.add(line.address);
  const response = await request(line, target, token);
  const answer = response && (await readAnswer(response));
  asked.delete(line.address);
  return answer?.problem === undefined ? null : answer;
}
