// The mount of the last answer: told to the views; the one that asked takes it.

export default function ({ data }) {
  if (data?.seq) for (const view of CASE.views) view.answered(data);
}
