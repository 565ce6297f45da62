// The client of syncd. Built from clients/javascript/src: change it there.

// src/data/keys.ts
var END = "";
var WATCHLIST = "";
function prefixIn(key) {
  return key.slice(0, key.indexOf(END) + 1);
}

// src/stores/rejoining.ts
async function rejoin(store, mirrors, onMerged, onJoined) {
  for (const [userId, mirror] of mirrors) {
    const stored = await store.claim(userId, false);
    const all = stored && merged(stored, mirror);
    if (all !== null) {
      mirror.replace(all);
      onMerged(userId);
    }
    mirror.take();
    await store.save(userId, replacing(stored, mirror));
  }
  for (let late = oneAhead(mirrors); late !== void 0; late = oneAhead(mirrors))
    await store.save(late[0], late[1].take());
  onJoined();
}
function oneAhead(mirrors) {
  return Array.from(mirrors).find(([, mirror]) => mirror.isAhead);
}
function merged(stored, mirror) {
  if (mirror.isErased) return null;
  const news = stored.queue.filter((write) => !mirror.knows(write));
  const mine = mirror.state;
  const isFirst = mine === null || mine.head.epoch === null && stored.head.epoch !== null;
  return news.length > 0 || isFirst ? mergedWith(mine, stored, news, isFirst) : null;
}
function mergedWith(mine, stored, news, areListsStored) {
  const kept = areListsStored || mine === null ? stored.head : mine.head;
  const { revision, epoch } = kept;
  const head = { ...stored.head, ...mine?.head, revision, epoch, ...listsOf(kept, mine?.head) };
  const queue = [...news.map((write) => asOf(head, stored.head, write)), ...mine?.queue.values() ?? []].map(
    (write, index) => ({ ...write, number: index + 1 })
  );
  const operations = Math.max(stored.head.operations, mine?.head.operations ?? 0) + queue.length;
  const clock = [stored.head.clock, head.clock].reduce(
    (a, b) => (a.physical - b.physical || a.logical - b.logical) > 0 ? a : b
  );
  const items = areListsStored ? stored.items : mine?.items.values() ?? [];
  return { head: { ...head, operations, clock }, items: Array.from(items), queue };
}
function listsOf(kept, mine) {
  const lists = { ...kept.lists };
  for (const [prefix, { replica, adds }] of Object.entries(mine?.lists ?? {}))
    lists[prefix] = { revision: 0, epoch: null, ...lists[prefix], replica, adds };
  return { lists };
}
function asOf(now, before, write) {
  const prefix = prefixIn(write.content_id);
  const [is, was] = [now, before].map((head) => prefix === WATCHLIST ? head : head.lists?.[prefix]);
  return is === void 0 || is.epoch === was?.epoch ? write : { ...write, observed: is.revision };
}
function replacing(stored, { state, isErased }) {
  if (state === null) return isErased ? [{ erase: true }] : [];
  const { head, items, queue } = state.stored();
  return [
    ...(stored?.queue ?? []).map(({ number }) => ({ settle: number })),
    { set: head },
    { clear: true },
    ...items.map((put) => ({ put })),
    ...queue.map((write) => ({ queue: write }))
  ];
}
export {
  rejoin
};
