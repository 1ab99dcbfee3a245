/* Doubly linked lists whose links lie within the objects (list_create(9F)). */
#ifndef DDI_DMA_SYS_LIST_H
#define DDI_DMA_SYS_LIST_H

#include <sys/list_impl.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct list_node list_node_t;
typedef struct list list_t;

/* For objects of `size` bytes, whose list_node_t lies `offset` bytes from their start. */
extern void list_create(list_t *list, size_t size, size_t offset);
/* The list is empty. */
extern void list_destroy(list_t *list);

/* Where `object` is NULL, the new one becomes the first, respectively the last. */
extern void list_insert_after(list_t *list, void *object, void *newobj);
extern void list_insert_before(list_t *list, void *object, void *newobj);
extern void list_insert_head(list_t *list, void *object);
extern void list_insert_tail(list_t *list, void *object);
extern void list_remove(list_t *list, void *object);
extern void *list_remove_head(list_t *list);
extern void *list_remove_tail(list_t *list);
extern void list_move_tail(list_t *dst, list_t *src);

/* NULL where there is none. */
extern void *list_head(list_t *list);
extern void *list_tail(list_t *list);
extern void *list_next(list_t *list, void *object);
extern void *list_prev(list_t *list, void *object);
extern int list_is_empty(list_t *list);

extern void list_link_init(list_node_t *node);
/* Non-zero where the object is on a list. */
extern int list_link_active(list_node_t *node);
extern void list_link_replace(list_node_t *lold, list_node_t *lnew);

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_LIST_H */
