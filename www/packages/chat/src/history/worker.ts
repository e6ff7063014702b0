import { type All, NewerError, openStore, type Store } from "./database.js";
import { asJson, imported } from "./exchange.js";
import { Journal } from "./journal.js";
import type { Answers, Opened, Questions } from "./protocol.js";
import { Search } from "./search.js";
import type { Change } from "./types.js";

/**
 * The keeper of chats, in a worker: the journal needs one, and neither writing nor searching may
 * make typing wait. One change after another: into the database, into the journal, to other tabs.
 */

/** A journal with this many bytes is written anew when the page starts. */
const JOURNAL_BYTES_MAX = 16 << 20;

let store: Store;
let journal: Journal | null = null;
let search: Search | null = null;
/** Which page this worker belongs to, so that a page does not take its own news for another's. */
let tab = "";
const channel = new BroadcastChannel("ingle.chats");
/** Another tab has written: what is known here for the search is old. */
channel.onmessage = () => (search = null);
let queue: Promise<unknown> = Promise.resolve();

const handlers: { [Q in keyof Questions]: (given: Questions[Q]) => Promise<Answers[Q]> } = {
  open,
  chats: () => store.chats(),
  messages: ({ chat }) => store.messages(chat),
  file: async ({ id }) => (await store.file(id)) ?? null,
  commit: async ({ changes }) => commit(changes),
  search: async ({ query, limit }) => {
    search ??= new Search(await store.all());
    return search.find(query, limit);
  },
  export: async ({ files }) => {
    const all = await store.all();
    return asJson(files ? all : { ...all, files: [] });
  },
  import: async ({ text }) => {
    const known = new Set((await store.chats()).map(({ id }) => id));
    const { changes, added, skipped } = imported(text, known, Date.now());
    await commit(changes);
    return { added, skipped };
  },
  sizes: async () => ({
    chats: (await store.chats()).filter((chat) => !chat.deletedAt).length,
    bytes: (await journal?.bytes()) ?? 0,
  }),
};

async function open(given: Questions["open"]): Promise<Opened> {
  tab = given.tab;
  try {
    [store, journal] = await Promise.all([openStore(), Journal.open()]);
  } catch (error) {
    if (!(error instanceof NewerError)) throw error;
    return { newer: true, chats: [], rebuilt: null, kind: "memory" };
  }
  if (store.kind === "memory" && journal) {
    // The database cannot be opened now. What the journal has is shown, and the journal left alone:
    // this tab does not know all that it would have to write.
    await store.apply(await journal.read().catch(() => []));
    journal = null;
  }
  let rebuilt: number | null = null;
  let chats = await store.chats();
  if (chats.length === 0 && journal && store.kind === "browser") {
    const changes = await journal.read();
    await store.apply(changes);
    chats = await store.chats();
    if (chats.length > 0) rebuilt = chats.length;
  }
  return { newer: false, chats, rebuilt, kind: store.kind };
}

async function commit(changes: Change[]): Promise<void> {
  if (changes.length === 0) return;
  await store.apply(changes);
  await journal?.append(changes);
  search = null;
  const removes = changes.some(
    ({ op }) => op === "drop" || op === "wipe" || isBlank(op, changes),
  );
  if (removes || (journal && (await journal.bytes()) > JOURNAL_BYTES_MAX))
    await journal?.rewrite(async () => asChanges(await store.all()));
  // An answer that grows is no news: other tabs see it when it is done.
  if (changes.some(({ op }) => op !== "grow")) channel.postMessage({ tab });
}

/** A deleted message's words must go from the journal too. */
function isBlank(op: Change["op"], changes: Change[]): boolean {
  return (
    op === "message" &&
    changes.some((change) => change.op === "message" && change.message.deleted === true)
  );
}

function asChanges({ chats, messages, files }: All): Change[] {
  return [
    ...chats.map((chat) => ({ op: "chat", chat }) as const),
    ...messages.map((message) => ({ op: "message", message }) as const),
    ...files.map((file) => ({ op: "file", file }) as const),
  ];
}

self.onmessage = ({ data }: MessageEvent<{ id: number; ask: keyof Questions; given: never }>) => {
  const { id, ask, given } = data;
  queue = queue.then(async () => {
    try {
      self.postMessage({ id, answer: await handlers[ask](given) });
    } catch (error) {
      const { name, message } = error as Error;
      self.postMessage({ id, error: { name, message } });
    }
  });
};
