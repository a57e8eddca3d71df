// Where the mounts of "See why" meet: payloads that have come, and the views that wait for them. One shelf a window.

const CASE = (globalThis[Symbol.for("vitrine.why")] ??= { payloads: new Map(), views: new Set() });
