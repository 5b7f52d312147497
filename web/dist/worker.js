var E=["index.html","gamaka.js","page.js"];console.log("1c1a5199e61ca7b2",E);
