/** The pieces of a list that is on its way: in memory, from one connection to the next, until the last one is in. */

import type { Piece, Snapshot, SnapshotItem } from "./messages.js";

/** What has come of one list, from its first piece on. The app sees nothing of it. */
export class SnapshotPieces {
  #last: Piece | null = null;
  #items: SnapshotItem[] = [];

  /** Where the service is asked to go on; null: nothing was collected. */
  get cursor(): string | null {
    return this.#last?.next ?? null;
  }

  /** Keep `piece`; false, and nothing is kept, if it neither starts a list nor continues this one. */
  collect(piece: Piece): boolean {
    if (piece.start) {
      this.drop();
    } else if (!this.#isOf(piece.revision, piece.epoch)) {
      this.drop();
      return false;
    }
    this.#last = piece;
    for (const item of piece.items) this.#items.push(item);
    return true;
  }

  /** The list, once its last piece was collected. */
  snapshot(): Snapshot | null {
    if (this.#last === null || this.#last.next !== undefined) return null;
    const { revision, epoch } = this.#last;
    return { revision, epoch, items: this.#items };
  }

  /** Drop what is of another list than this one. */
  keepOnly(revision: number, epoch: string): void {
    if (!this.#isOf(revision, epoch)) this.drop();
  }

  /** Keep nothing. */
  drop(): void {
    this.#last = null;
    this.#items = [];
  }

  #isOf(revision: number, epoch: string): boolean {
    return this.#last?.revision === revision && this.#last.epoch === epoch;
  }
}
