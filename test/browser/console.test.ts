import './main-ways.ts';
import './signing-in.ts';
