/** When a page comes back: its network, its device from sleep, or its user. */

const OF_WINDOW = ["online", "pageshow", "focus"];
const OF_DOCUMENT = ["visibilitychange", "resume"];

/** Call `onReturn` whenever that happens, until the function that is returned is called. Without a page: never. */
export function watchReturns(onReturn: () => void): () => void {
  const { document } = globalThis;
  const listen = (): void => {
    if (document?.visibilityState !== "hidden") onReturn();
  };
  for (const type of OF_WINDOW) globalThis.addEventListener?.(type, listen);
  for (const type of OF_DOCUMENT) document?.addEventListener(type, listen);
  return () => {
    for (const type of OF_WINDOW) globalThis.removeEventListener?.(type, listen);
    for (const type of OF_DOCUMENT) document?.removeEventListener(type, listen);
  };
}
