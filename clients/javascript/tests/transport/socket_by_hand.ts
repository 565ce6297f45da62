/** A fake socket, whose handlers the test calls. */
export class SocketByHand {
  onopen = (): void => {};
  onmessage = (_: object): void => {};
  onclose = (_: object): void => {};
  onerror = (): void => {};
  closedWith: number[] = [];

  close(code: number): void {
    this.closedWith.push(code);
  }
}
