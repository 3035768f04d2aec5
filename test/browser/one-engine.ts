import { useRunningEngine } from '../e2e/running-engine.ts';
import { useConsole } from './a-browser.ts';

/** The engine and the browser of all tests here: starting them takes longer than any of the tests. */
export const running = useRunningEngine();
export const inBrowser = useConsole(running);
