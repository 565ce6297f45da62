/**
 * What one tab shows of a user: its engine's state or, while another tab leads, a copy; with the app's open calls on
 * top.
 */

import type { RegistersPart } from "../core/core.js";
import type { Transport } from "../core/outputs.js";
import type { State } from "../core/state.js";
import type { RegistersName } from "../data/keys.js";
import type { Item, ShownWrite } from "../data/list_view.js";
import type { ListName } from "../data/register_messages.js";
import type { DeviceItem, ProgressItem, Transient } from "../data/register_views.js";
import { type Storage, UserState } from "../data/user_state.js";
import type { Batch, Engine } from "../engine.js";
import { LeaderCopy } from "./leader_copy.js";
import { OpenCalls } from "./open_calls.js";
import type { TabSessionDeps } from "./tab_session_deps.js";

export abstract class TabView {
  protected readonly deps: TabSessionDeps;
  /** Null: another tab leads. */
  protected engine: Engine | null = null;
  /** What is known of the tab that leads, while that is another. */
  protected readonly copy = new LeaderCopy((batch) => this.onApplied(batch));
  protected readonly calls = new OpenCalls();
  /** The part for registers, read-only; null: it has not come yet, or is not needed. */
  part: RegistersPart | null = null;
  readonly #nothing = UserState.empty("");

  constructor(deps: TabSessionDeps) {
    this.deps = deps;
  }

  /** Called with each batch of the tab that leads, once `copy` has its changes. */
  protected abstract onApplied(batch: Batch): void;

  get state(): State {
    return this.engine?.state ?? this.copy.state ?? "stopped";
  }

  /** Where the leader keeps what it stores. */
  get storage(): Storage {
    return this.copy.storage ?? this.deps.store.storage;
  }

  get transport(): Transport | null {
    return (this.engine ?? this.copy).transport;
  }

  get stored(): UserState | null {
    return this.engine?.stored ?? this.copy.stored;
  }

  /** How many writes are not settled yet. */
  get queueLength(): number {
    return (this.stored?.queue.size ?? 0) + this.unstored.length;
  }

  /** A text that changes whenever the list, the length of the queue or the revision may have changed. */
  get version(): string {
    const { stored } = this;
    const transient = this.part && [this.transient?.version];
    return [this.copy.leader, this.unstored.length, stored?.version, stored?.head.revision, transient].join();
  }

  /** The items of the list whose keys begin with `prefix`. */
  items(prefix?: string): readonly Item[] {
    return (this.stored ?? this.#nothing).list(this.unstored, prefix);
  }

  /** The items of registers, or of the catalogue; undefined: the part for registers is not loaded yet. */
  registers(name: RegistersName): readonly (ProgressItem | DeviceItem | ListName)[] | undefined {
    return this.part?.VIEWS[name](this.stored ?? this.#nothing, this.unstored, this.transient);
  }

  protected get transient(): Transient | null {
    return (this.engine ?? this.copy).transient;
  }

  has(key: string): boolean {
    return (this.stored ?? this.#nothing).has(key, this.unstored);
  }

  /** The writes that are not in `stored` yet. */
  protected get unstored(): readonly ShownWrite[] {
    return this.engine === null ? this.calls.writes : NO_WRITES;
  }
}

const NO_WRITES: readonly ShownWrite[] = [];
