// Payloads and views are separate mounts, so that a changed view never sends the payload again. They meet on this shelf,
// by the payload's id. There is one shelf per window: browser tabs share nothing.

const SHELF = (globalThis[Symbol.for("vitrine.atlas")] ??= { blobs: new Map(), views: new Set() });

/** Called for a data mount: puts its payload on the shelf and notifies the views. Returns the function that removes it. */
function deliver(mount, bytes) {
  const header = decode(bytes);
  const name = header.of ? `${header.of}+` : header.id;
  if (mount.name && mount.name !== name) release(mount);
  if (mount.name !== name) {
    mount.name = name;
    const shelved = SHELF.blobs.get(name) ?? { users: 0 };
    shelved.users += 1;
    SHELF.blobs.set(name, shelved);
  }
  SHELF.blobs.get(name).header = header;
  for (const view of SHELF.views) view.arrived(header);
  return () => release(mount);
}

function release(mount) {
  const shelved = SHELF.blobs.get(mount.name);
  if (shelved && --shelved.users === 0) SHELF.blobs.delete(mount.name);
  mount.name = null;
}
