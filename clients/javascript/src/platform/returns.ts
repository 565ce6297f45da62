/** When a page comes back: its network, its device from sleep, or its user; and when it is left. */

/**
 * Call these whenever that happens, until the function that is returned is called. Without a page: never.
 *
 * A page that is left and kept, to be shown again by the button "back", is not told of: what it begins to write then is not
 * written, and in Safari it locks the store for all pages that follow.
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
