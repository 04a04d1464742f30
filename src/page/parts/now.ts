import { useEffect, useState } from 'preact/hooks';

/** The time, and a drawing of the caller whenever it is `every` milliseconds later. */
export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
