/**
 * Whether a refusal is the service's own: whatever is on the way may answer anything, with any status.
 *
 * Source: RFC 9457, "Problem Details for HTTP APIs".
 */

const MEDIA_TYPE = "application/problem+json";

/** The service's words; undefined: the answer is not in the service's form. */
export function readProblem(status: number, contentType: string | null, body: string): string | undefined {
  if (contentType?.split(";")[0]?.trim().toLowerCase() !== MEDIA_TYPE) return undefined;
  try {
    const problem = JSON.parse(body) as { status?: unknown; title?: unknown; detail?: unknown } | null;
    const { title, detail } = problem ?? {};
    return problem?.status === status && typeof title === "string" && typeof detail === "string" ? detail : undefined;
  } catch {
    return undefined;
  }
}
