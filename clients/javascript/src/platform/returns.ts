/** When a page's network or user returns, or its device wakes; and when the page is left. */

/**
 * Call these whenever that happens, until the returned function is called. Without a page: never.
 *
 * It is not reported that a page is left and kept for the "back" button: what it begins to write then stays unwritten, and
 * in Safari it locks the store for all pages that follow.
 */
export function watchReturns(onReturn: () => void, onLeave: () => void): () => void {
  const { document } = globalThis;
  let isKept: boolean | undefined;
  const listen = ({ type, persisted }: Event & { readonly persisted?: boolean }): void => {
    const isLeft = type === "pagehide" || document?.visibilityState === "hidden";
    isKept = isLeft && (isKept || persisted);
    if (!isLeft) onReturn();
    else if (!isKept) onLeave();
  };
  const forAll = (change: "addEventListener" | "removeEventListener"): void => {
    for (const type of ["online", "pageshow", "pagehide", "focus"]) globalThis[change]?.(type, listen);
    for (const type of ["visibilitychange", "resume"]) document?.[change]?.(type, listen);
  };
  forAll("addEventListener");
  return () => forAll("removeEventListener");
}
