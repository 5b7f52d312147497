var E=["index.html","gamaka.js","page.js"];console.log("07b7f18e726cb813",E);
