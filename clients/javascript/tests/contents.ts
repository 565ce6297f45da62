/** Ids of contents, by number. */
export function content(number: number): string {
  return `0b0e6a4e-52a5-4a5b-9a1f-${String(number).padStart(12, "0")}`;
}
