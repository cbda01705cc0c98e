// A site that lies beside those of other versions, with their names in versions.json above it, lets readers change
// between them: to the same page where the other version has it, else to its first one.
addEventListener("DOMContentLoaded", async () => {
  const box = document.querySelector(".versions");
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  if (!box || location.protocol === "file:") return;
  const answer = await fetch(new URL("../versions.json", root)).catch(() => null);
  if (!answer || !answer.ok) return;
  const here = decodeURIComponent(root.pathname).split("/").at(-2), choice = box.querySelector("select");
  for (const name of await answer.json()) choice.add(new Option(name, name, false, name === here));
  choice.addEventListener("change", async () => {
    const other = new URL(`../${encodeURIComponent(choice.value)}/`, root);
    const page = new URL(location.pathname.slice(root.pathname.length), other);
    const there = await fetch(page, { method: "HEAD" }).catch(() => null);
    location.assign(there && there.ok ? page : other);
  });
  box.hidden = false;
});
