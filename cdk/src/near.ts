/**
 * The valid names that a misspelled one was probably meant to be.
 *
 * In: the name and the valid names. Out: at most three, nearest first; none where nothing is close.
 */

/** At most this share of the longer name's letters may differ. */
const TOLERANCE = 0.4;
const MOST = 3;

export function nearNames(name: string, valid: Iterable<string>): string[] {
  const wanted = name.toLowerCase();
  return [...valid]
    .map((candidate) => ({ candidate, edits: distance(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= TOLERANCE * Math.max(wanted.length, candidate.length))
    .sort((a, b) => a.edits - b.edits || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, MOST)
    .map(({ candidate }) => candidate);
}

/** `; did you mean …?`, or nothing. */
export function didYouMean(name: string, valid: Iterable<string>): string {
  const near = nearNames(name, valid).map((candidate) => `\`${candidate}\``);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}

/** Levenshtein's edit distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
