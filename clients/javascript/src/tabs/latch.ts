/** A promise, what fulfils it, and what rejects it. */
export function latch(): [Promise<void>, () => void, (error: Error) => void] {
  let ends: [() => void, (error: Error) => void] | undefined;
  const promise = new Promise<void>((...both) => {
    ends = both;
  });
  return [promise, ...(ends as NonNullable<typeof ends>)];
}
