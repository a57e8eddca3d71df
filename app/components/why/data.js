// The mount of an image's payload, which stays in SHARED.payloads for as long as the image is shown.

const MOUNTS = new WeakMap();

function hold(mount, bytes) {
  const payload = decode(bytes);
  if (mount.payload?.id === payload.id) return;
  release(mount);
  mount.payload = SHARED.payloads.get(payload.id) ?? payload;
  mount.payload.users = (mount.payload.users ?? 0) + 1;
  SHARED.payloads.set(payload.id, mount.payload);
  for (const view of SHARED.views) view.arrived(mount.payload);
}

function release(mount) {
  if (mount.payload && (mount.payload.users -= 1) === 0) SHARED.payloads.delete(mount.payload.id);
  mount.payload = null;
}

export default function ({ data, parentElement }) {
  const mount = MOUNTS.get(parentElement) ?? {};
  MOUNTS.set(parentElement, mount);
  hold(mount, data);
  return () => release(mount);
}
