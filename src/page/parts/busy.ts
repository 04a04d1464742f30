/** Whether someone selects text in the rows of the table of this label, or has the focus there: don't move them. */
export function isBusy(label: string): boolean {
  const body = document.querySelector(`table[aria-label="${CSS.escape(label)}"] tbody`);
  if (body === null) return false;
  const selection = getSelection();
  const selects = selection !== null && !selection.isCollapsed && body.contains(selection.anchorNode);
  return selects || (document.activeElement !== null && body.contains(document.activeElement));
}
