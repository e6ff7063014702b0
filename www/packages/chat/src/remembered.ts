/** What the model has of long chats, kept on disk if a person wants that; see "Settings". */

import { snapshots } from "@ingle/engine";

/** Other pages of this origin may keep conversations of their own. */
const PREFIX = "chat:";

export function snapshotName(chat: string): string {
  return PREFIX + chat;
}

/** It goes with the chat. */
export function forgetChat(chat: string): void {
  void snapshots.rm(snapshotName(chat));
}

/**
 * Deletes what is kept of other chats than these: of one that was deleted while its answer was
 * written, the snapshot came after the deletion.
 */
export async function forgetOthers(chats: readonly string[]): Promise<void> {
  const kept = new Set(chats.map(snapshotName));
  const names = await snapshots.names();
  for (const name of names) {
    if (name.startsWith(PREFIX) && !kept.has(name)) void snapshots.rm(name);
  }
}
