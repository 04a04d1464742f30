import { render } from 'preact';
import { live } from './data/live.ts';
import { Shell } from './shell.tsx';

live.start();
render(<Shell />, document.body);
