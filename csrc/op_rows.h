/* op_rows.h: the functions that the registry's rows name; see struct mg_op in op.h. */
#ifndef MG_OP_ROWS_H
#define MG_OP_ROWS_H

#include "op.h"

/* ---- shape, index and softmax operations (ops_shape.def) --------------------------------------- */

/* op_shape.c */
bool mg_forward_reshape(mg_call *call);
void mg_vjp_reshape(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_expand(const mg_call *call, mg_shape *result);
bool mg_forward_expand(mg_call *call);
void mg_vjp_expand(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_narrow(mg_call *call);
void mg_vjp_narrow(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_pad(const mg_call *call, mg_shape *result);
bool mg_forward_pad(mg_call *call);
void mg_vjp_pad(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_cat(const mg_call *call, mg_shape *result);
bool mg_forward_cat(mg_call *call);
void mg_vjp_cat(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_flip(const mg_call *call, mg_shape *result);
bool mg_forward_flip(mg_call *call);
void mg_vjp_flip(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_permute.c */
bool mg_shape_rule_permute(const mg_call *call, mg_shape *result);
bool mg_forward_permute(mg_call *call);
void mg_vjp_permute(mg_node *node, mg_tensor *g, mg_tensor **gradient);

/* op_index.c */
bool mg_shape_rule_gather(const mg_call *call, mg_shape *result);
bool mg_forward_gather(mg_call *call);
void mg_vjp_gather(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_scatter_add(const mg_call *call, mg_shape *result);
bool mg_forward_scatter_add(mg_call *call);
void mg_vjp_scatter_add(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_index_select(const mg_call *call, mg_shape *result);
bool mg_forward_index_select(mg_call *call);
void mg_vjp_index_select(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_index_add(const mg_call *call, mg_shape *result);
bool mg_forward_index_add(mg_call *call);
void mg_vjp_index_add(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_shape_rule_one_hot(const mg_call *call, mg_shape *result);
bool mg_forward_one_hot(mg_call *call);

/* op_softmax.c */
bool mg_forward_softmax(mg_call *call);
void mg_vjp_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient);
bool mg_forward_log_softmax(mg_call *call);
void mg_vjp_log_softmax(mg_node *node, mg_tensor *g, mg_tensor **gradient);

#endif
