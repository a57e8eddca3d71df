// The mount of the latest answer.

export default function ({ data }) {
  for (const view of SHARED.views) view.answered(data);
}
