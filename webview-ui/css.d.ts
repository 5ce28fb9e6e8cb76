/** Style sheets are imported for their effect; the bundler gathers them in one file. */
declare module '*.css';
