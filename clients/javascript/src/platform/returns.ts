/** When a page comes back: its network, its device from sleep, or its user; and when it is left. */

const OF_WINDOW = ["online", "pageshow", "focus"];
const OF_DOCUMENT = ["visibilitychange", "resume"];

/** Call these whenever that happens, until the function that is returned is called. Without a page: never. */
export function watchReturns(onReturn: () => void, onLeave: () => void): () => void {
  const { document } = globalThis;
  const listen = (): void => {
    if (document?.visibilityState === "hidden") onLeave();
    else onReturn();
  };
  const forAll = (change: "addEventListener" | "removeEventListener"): void => {
    for (const type of OF_WINDOW) globalThis[change]?.(type, listen);
    globalThis[change]?.("pagehide", onLeave);
    for (const type of OF_DOCUMENT) document?.[change]?.(type, listen);
  };
  forAll("addEventListener");
  return () => forAll("removeEventListener");
}
