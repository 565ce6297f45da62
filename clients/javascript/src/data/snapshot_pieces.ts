/** The pieces of a snapshot on its way: kept in memory, from one connection to the next, until the last one is in. */

import type { Piece, Snapshot, SnapshotItem } from "./messages.js";

/** The pieces of one snapshot that have come, from the first one on. The app sees nothing of them. */
export class SnapshotPieces {
  #last: Piece | null = null;
  #items: SnapshotItem[] = [];

  /** Where the service is to go on; null: nothing was collected, or the last piece was. */
  get cursor(): string | null {
    return this.#last?.next ?? null;
  }

  /** Keep `piece`; if it neither starts a list nor continues this one, drop all and return false. */
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

  /** The whole list, once its last piece was collected. */
  snapshot(): Snapshot | null {
    if (this.#last === null || this.#last.next !== undefined) return null;
    const { revision, epoch } = this.#last;
    return { revision, epoch, items: this.#items };
  }

  /** Drop the pieces unless they belong to this snapshot. */
  keepOnly(revision: number, epoch: string): void {
    if (!this.#isOf(revision, epoch)) this.drop();
  }

  /** Drop all pieces. */
  drop(): void {
    this.#last = null;
    this.#items = [];
  }

  #isOf(revision: number, epoch: string): boolean {
    return this.#last?.revision === revision && this.#last.epoch === epoch;
  }
}
