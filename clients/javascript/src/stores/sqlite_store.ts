/** A store on SQLite, through whatever runs its statements: expo-sqlite, op-sqlite, better-sqlite3, wa-sqlite … */

import type { ConfirmedItem, PendingWrite } from "../data/stored.js";
import type { Change, Head, Stored } from "../data/user_state.js";
import { InTurn } from "./in_turn.js";
import { DeletedError, type Store } from "./store.js";

type Value = string | number;
type Row = Readonly<Record<string, unknown>>;

/**
 * Runs one statement with its parameters; answers with the rows, by name of column. It needs a connection of its own.
 */
export type Execute = (sql: string, parameters: Value[]) => readonly Row[] | Promise<readonly Row[]>;

/** How many rows go into one statement: some builds of SQLite accept no more than 999 parameters. */
const ROWS_AT_ONCE = 200;

const HEAD = "head";
const ITEM = "item";
const WRITE = "write";

/** A store for a single client. */
export class SqliteStore implements Store {
  readonly #execute: Execute;
  readonly #inTurn = new InTurn();
  /** Users who were claimed: their rows must be there. */
  readonly #kept = new Set<string>();

  /** Creates a table `syncd_client`, when it is first used. */
  constructor(execute: Execute) {
    this.#execute = execute;
  }

  async claim(userId: string): Promise<Stored | null> {
    const stored = await this.read(userId);
    if (stored === null) this.#kept.delete(userId);
    else this.#kept.add(userId);
    return stored;
  }

  read(userId: string): Promise<Stored | null> {
    return this.#inTurn.run(async () => {
      await this.#prepare();
      const [head] = await this.#load<Head>(userId, HEAD);
      if (head === undefined) return null;
      const items = await this.#load<ConfirmedItem>(userId, ITEM);
      return { head, items, queue: await this.#load<PendingWrite>(userId, WRITE) };
    });
  }

  save(userId: string, changes: readonly Change[]): Promise<void> {
    return this.#inTurn.run(async () => {
      await this.#execute("BEGIN IMMEDIATE", []);
      try {
        await this.#write(userId, changes);
        await this.#execute("COMMIT", []);
      } catch (error) {
        try {
          await this.#execute("ROLLBACK", []);
        } catch {
          // The first error says more; on a full disk SQLite has already rolled back.
        }
        throw error;
      }
    });
  }

  /** Does nothing: the connection is the app's. */
  close(): void {
    // There is nothing of its own to release.
  }

  async #prepare(): Promise<void> {
    await this.#execute(
      "CREATE TABLE IF NOT EXISTS syncd_client (user TEXT, kind TEXT, key, json TEXT, PRIMARY KEY (user, kind, key))",
      [],
    );
  }

  async #load<T>(userId: string, kind: string): Promise<T[]> {
    const sql = "SELECT json FROM syncd_client WHERE user = ? AND kind = ? ORDER BY key";
    const rows = await this.#execute(sql, [userId, kind]);
    return rows.map(({ json }) => JSON.parse(String(json)) as T);
  }

  /** Rows that are put one after the other go into common statements. */
  async #write(userId: string, changes: readonly Change[]): Promise<void> {
    const [before] = await this.#load<Head>(userId, HEAD);
    if (before === undefined && this.#kept.has(userId)) throw new DeletedError();
    this.#kept.add(userId);
    const head: Partial<Head> = { ...before };
    for (const change of changes) if ("set" in change) Object.assign(head, change.set);
    let puts: Value[] = [HEAD, 0, JSON.stringify(head)];
    for (const change of changes) {
      if ("put" in change) puts.push(ITEM, change.put.content_id, JSON.stringify(change.put));
      else if ("queue" in change) puts.push(WRITE, change.queue.number, JSON.stringify(change.queue));
      else if (!("set" in change)) {
        await this.#put(userId, puts);
        puts = [];
        await this.#remove(userId, change);
      }
    }
    await this.#put(userId, puts);
  }

  /** `rows`: for each row its kind, key and text, in one flat array. */
  async #put(userId: string, rows: readonly Value[]): Promise<void> {
    for (let at = 0; at < rows.length; at += 3 * ROWS_AT_ONCE) {
      const some = rows.slice(at, at + 3 * ROWS_AT_ONCE);
      const values = Array.from({ length: some.length / 3 }, () => "(?, ?, ?, ?)").join();
      const parameters: Value[] = [];
      for (const [index, value] of some.entries()) {
        if (index % 3 === 0) parameters.push(userId);
        parameters.push(value);
      }
      await this.#execute(`INSERT OR REPLACE INTO syncd_client (user, kind, key, json) VALUES ${values}`, parameters);
    }
  }

  async #remove(userId: string, change: Change): Promise<void> {
    if ("erase" in change) this.#kept.delete(userId);
    const [where, ...parameters]: [string, ...Value[]] = whereOf(change);
    await this.#execute(`DELETE FROM syncd_client WHERE user = ?${where}`, [userId, ...parameters]);
  }
}

/** The condition for the user's rows that `change` deletes, with its parameters. */
function whereOf(change: Change): [string, ...Value[]] {
  if ("drop" in change) return [" AND kind = ? AND key = ?", ITEM, change.drop];
  if ("settle" in change) return [" AND kind = ? AND key = ?", WRITE, change.settle];
  return "clear" in change ? [" AND kind = ?", ITEM] : [""];
}
