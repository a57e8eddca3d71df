// The mount of an image's first deletion curve. It stays in SHARED.first, since a view may be mounted after it.

export default function ({ data }) {
  if (!data?.of || SHARED.first === data) return;
  SHARED.first = data;
  for (const view of SHARED.views) view.curveCame();
}
