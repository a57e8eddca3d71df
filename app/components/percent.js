// Writes shares as percentages. vit_core/percentage.py is the same function in Python; a test compares the two.

/** A share of 1: "60 %", "1.4 %", "0.057 %", "< 0.01 %", "> 99.9 %", with spaces that do not break. */
function percent(share) {
  const value = 100 * share;
  if (!Number.isFinite(value)) return "–";
  if (value > 0 && value < 0.01) return "<\u00a00.01\u00a0%";
  if (value >= 99.95 && value < 99.9999) return ">\u00a099.9\u00a0%";
  let decimals;
  if (value === 0 || value >= 99.9999 || (value >= 9.95 && value < 99.5)) decimals = 0;
  else decimals = value >= 0.995 ? 1 : value >= 0.0995 ? 2 : 3;
  return `${value.toFixed(decimals)}\u00a0%`;
}
