/** So long after the pointer moved over rows nobody is about to click one. */
const AIMING_MS = 3_000;

let pointed: { target: EventTarget | null; at: number } = { target: null, at: 0 };
addEventListener('pointermove', ({ target, timeStamp }) => {
  pointed = { target, at: timeStamp };
});

/** Whether someone aims at a row of the table of this label, selects text there, or has the focus in it: don't move them. */
export function isBusy(label: string): boolean {
  const body = document.querySelector(`table[aria-label="${CSS.escape(label)}"] tbody`);
  if (body === null) return false;
  const has = (node: unknown): boolean => node instanceof Node && body.contains(node);
  const selection = getSelection();
  const selects = selection !== null && !selection.isCollapsed && has(selection.anchorNode);
  const aims = has(pointed.target) && performance.now() - pointed.at < AIMING_MS;
  return selects || aims || has(document.activeElement);
}
