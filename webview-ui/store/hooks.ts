// Hooks: how components read live data, call operations and move between pages.
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { EntityOf, Run, Topic } from '../../server/protocol/entities.ts';
import type { ErrorBody } from '../../server/protocol/errors.ts';
import type { SeriesKey } from '../../server/protocol/metrics.ts';
import type { PageRoute } from '../../server/protocol/pages.ts';
import { asErrorBody, type Client, type Connection, type Signal } from './client.ts';
import type { Live, LiveStore, RunTags } from './live.ts';
import type { LogPages } from './logPages.ts';
import type { Series } from './series.ts';

export interface Services {
  client: Client;
  live: LiveStore;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  return useContext(ServicesContext)!;
}

export function useClient(): Client {
  return useServices().client;
}

/** The objects of a topic, of one project or parent if named. `ready` tells an empty place from one not loaded yet. */
export function useTopic<T extends Topic>(topic: T, of?: string) {
  const { live } = useServices();
  const source = useMemo(() => live.topic(topic, of), [live, topic, of]);
  useLive(source);
  const { items, ready } = source.value;
  const list = useMemo(() => [...items.values()] as EntityOf<T>[], [items]);
  return { items: list, byId: items as ReadonlyMap<string, EntityOf<T>>, ready, error: source.error };
}

/** One run, live. */
export function useRun(id: string): { run?: Run; ready: boolean; error?: ErrorBody } {
  const { byId, ready, error } = useTopic('runs', id);
  return { run: byId.get(id), ready, error };
}

/** The log of a run as it grows; the object stays the same, its `version` tells changes. */
export function useLogs(run: string): { log: LogPages; error: ErrorBody | undefined } {
  const { live } = useServices();
  const source = useMemo(() => live.logs(run), [live, run]);
  useLive(source);
  return { log: source.value, error: source.error };
}

/** What a run has written so far: its tags with counts and last values. */
export function useTags(run: string): RunTags {
  const { live } = useServices();
  const source = useMemo(() => live.tags(run), [live, run]);
  useLive(source);
  return source.value;
}

const noSeries: ReadonlyMap<string, Series> = new Map();

/**
 * Series as they grow, thinned to so many buckets, by run and tag (`seriesId`); a series object stays the same, its
 * `revision` tells changes. Without keys nothing is asked for.
 */
export function useSeries(
  keys: readonly SeriesKey[],
  buckets: number,
  points: 'shown' | 'all',
): ReadonlyMap<string, Series> {
  const { live } = useServices();
  const source = useMemo(
    () => (keys.length > 0 ? live.series(keys, buckets, points) : undefined),
    [live, keys, buckets, points],
  );
  useLive(source);
  return source?.value ?? noSeries;
}

/** Does something again and again while it is wanted, however often the component is drawn in between. */
export function useEvery(everyMs: number, isWanted: boolean, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    if (!isWanted) return;
    const timer = setInterval(() => latest.current(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, isWanted]);
}

/** Whether an element is on the screen or near it. */
export function useInSight(element: { current: HTMLElement | null }): boolean {
  const [inSight, set] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => set(entry!.isIntersecting), { rootMargin: '300px' });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, [element]);
  return inSight;
}

/** Draws again when the data changed, at most once for each frame the screen shows. */
function useLive(source: Live<unknown> | undefined): void {
  const [, draw] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    if (!source) return;
    let frame = 0;
    const stop = source.listen(() => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw(undefined);
      });
    });
    draw(undefined);
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [source]);
}

export function useSignal<T>(signal: Signal<T>): T {
  const [value, set] = useState(signal.value);
  useEffect(() => {
    set(signal.value);
    return signal.listen(() => set(signal.value));
  }, [signal]);
  return value;
}

export function useConnection(): Connection | undefined {
  return useSignal(useClient().connection);
}

/** Runs one operation at a time on behalf of a button: whether it is under way, and how it was refused. */
export function useAction() {
  const [busy, setBusy] = useState<string>();
  const [error, setError] = useState<ErrorBody>();
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  const act = useCallback(async (name: string, work: () => Promise<void>) => {
    setBusy(name);
    setError(undefined);
    try {
      await work();
    } catch (refusal) {
      if (mounted.current) setError(asErrorBody(refusal));
    } finally {
      if (mounted.current) setBusy(undefined);
    }
  }, []);
  return { act, busy, error, clear: () => setError(undefined) };
}

export interface Loaded<T> {
  value?: T;
  error?: ErrorBody;
  reload: () => void;
}

/** What was loaded once for the given keys, and again by `reload`. */
export function useLoaded<T>(load: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value?: T; error?: ErrorBody }>({});
  const [round, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  // the keys say when to load again, `load` is new each time
  useEffect(() => {
    let current = true;
    load().then(
      (value) => current && setState({ value }),
      (refusal) => current && setState((before) => ({ ...before, error: asErrorBody(refusal) })),
    );
    return () => {
      current = false;
    };
  }, [...keys, round]);
  return { ...state, reload: () => again(undefined) };
}

/** Goes to another page; VS Code may open it beside. */
export function useNavigate(): (route: PageRoute, title: string) => void {
  const client = useClient();
  return useCallback((route, title) => client.send({ type: 'navigate', route, title }), [client]);
}

/** Tells the host this page's title as soon as it is known: for the panel's tab or the browser's. */
export function usePageTitle(route: PageRoute, title: string | undefined): void {
  const navigate = useNavigate();
  const key = JSON.stringify(route);
  // the route counts by its content, not by its identity
  useEffect(() => {
    if (title) navigate(route, title);
  }, [key, title, navigate]);
}

/** The present moment, renewed now and then so that relative times and durations stay true. */
export function useNow(everyMs: number): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
