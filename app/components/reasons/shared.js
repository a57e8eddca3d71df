// The views that wait for answers, in one window.

const SHARED = (globalThis[Symbol.for("vitrine.reasons")] ??= { views: new Set() });
