/** What a token says about itself. Only the service can tell whether it is true. */

/** A token and, as far as it can be read, whose it is and when it ends (seconds since 1970). */
export interface Token {
  readonly value: string;
  readonly sub?: string;
  readonly exp?: number;
}

/** The token with its `sub` and `exp`: none if it is no JSON Web Token, and not those of a wrong type. */
export function readToken(value: string): Token {
  const parts = value.split(".");
  if (parts.length !== 3) return { value };
  try {
    const payload = (parts[1] ?? "").replace(/-/gu, "+").replace(/_/gu, "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown };
    return {
      value,
      ...(typeof claims.sub === "string" && { sub: claims.sub }),
      ...(typeof claims.exp === "number" && { exp: claims.exp }),
    };
  } catch {
    return { value };
  }
}
