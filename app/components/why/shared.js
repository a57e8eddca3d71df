// What the mounts of "See why" share in one window: payloads by their id, the first curve, and the views that wait for
// them.

const SHARED = (globalThis[Symbol.for("vitrine.why")] ??= { payloads: new Map(), views: new Set(), first: null });
