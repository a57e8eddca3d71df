// The mount of the latest answer: every view gets it, and the one that sent the message uses it.

export default function ({ data }) {
  if (data?.seq) for (const view of SHARED.views) view.answered(data);
}
