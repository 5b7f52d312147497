var r=class extends Error{name="PlainError"};export{r as PlainError};
