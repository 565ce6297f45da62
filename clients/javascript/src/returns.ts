/** When a page comes back: its network, its device from sleep, or its user. */

const OF_WINDOW = ["online", "pageshow", "focus"];
const OF_DOCUMENT = ["visibilitychange", "resume"];

/** Call `onReturn` whenever that happens, until the function that is returned is called. Without a page: never. */
export function watchReturns(onReturn: () => void): () => void {
  const { document } = globalThis;
  const listen = (): void => {
    if (document?.visibilityState !== "hidden") onReturn();
  };
  const forAll = (change: "addEventListener" | "removeEventListener"): void => {
    for (const type of OF_WINDOW) globalThis[change]?.(type, listen);
    for (const type of OF_DOCUMENT) document?.[change](type, listen);
  };
  forAll("addEventListener");
  return () => forAll("removeEventListener");
}
