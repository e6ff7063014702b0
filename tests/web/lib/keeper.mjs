// What the keeper of chats has on disk: it is a worker, and may be behind the screen.

/** Waits until it has `nAnswers`, the newest with more than `n` characters. */
export function written(page, nAnswers, n = 0) {
  return page.waitForFunction(
    async ([nAnswers, n]) => {
      const done = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const db = await done(indexedDB.open("ingle-chats"));
      const messages = await done(db.transaction("messages").objectStore("messages").getAll());
      db.close();
      const answers = messages.filter(({ role }) => role === "assistant");
      const last = answers.sort((a, b) => a.at - b.at).at(-1);
      return answers.length >= nAnswers && last.text.trim().length > n;
    },
    [nAnswers, n],
  );
}
