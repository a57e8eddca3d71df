// The mount of a picture's payload: on the shelf for as long as it is shown.

const HELD = new WeakMap();

function shelve(mount, bytes) {
  const payload = decode(bytes);
  if (mount.payload?.id === payload.id) return;
  unshelve(mount);
  mount.payload = CASE.payloads.get(payload.id) ?? payload;
  mount.payload.users = (mount.payload.users ?? 0) + 1;
  CASE.payloads.set(payload.id, mount.payload);
  for (const view of CASE.views) view.arrived(mount.payload);
}

function unshelve(mount) {
  if (mount.payload && (mount.payload.users -= 1) === 0) CASE.payloads.delete(mount.payload.id);
  mount.payload = null;
}

export default function ({ data, parentElement }) {
  const mount = HELD.get(parentElement) ?? {};
  HELD.set(parentElement, mount);
  shelve(mount, data);
  return () => unshelve(mount);
}
