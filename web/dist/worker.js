var s=["index.html","learn.css","gamaka.js","page.js"];console.log("dd894387b517169c",s);
