// Loads the page again when the site was built again, and says above it why it could not be.
(() => {
  "use strict";
  const built = document.currentScript.dataset.build;
  const note = document.createElement("pre");
  note.style.cssText =
    "position:fixed;inset:0 0 auto 0;z-index:2147483647;margin:0;padding:1em;max-height:50vh;overflow:auto;" +
    "white-space:pre-wrap;font:14px/1.4 monospace;background:#8b1a1a;color:#fff";
  const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const seen = () => new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));

  const follow = async () => {
    for (let number = 0; ; ) {
      // A browser keeps few connections to one server; pages that nobody looks at do without.
      if (document.hidden) await seen();
      try {
        const answer = await fetch(`/.bootstrapper/build?after=${number}`, { cache: "no-store" });
        const outcome = await answer.json();
        number = outcome.number;
        if (outcome.build !== built) return location.reload();
        note.textContent = outcome.error;
        if (outcome.error) document.documentElement.append(note);
        else note.remove();
      } catch {
        await pause(1000);
      }
    }
  };
  follow();
})();
